import { createHmac } from 'node:crypto'

/**
 * How an appliance shows a device that it is the one that gave it its token, which it is not sent: told the token's claims and
 * a nonce, it makes the signature anew and says what only the two that know it can. @param mark The token's signature.
 */
export const proofOf = (mark: Uint8Array, nonce: string): string => createHmac('sha256', mark).update(`viewshed appliance ${nonce}`).digest('base64url')
