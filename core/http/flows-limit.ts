/** How large a flow may be: core's door, Node-RED behind it and the editor's page all hold to it. One of the size of a book is a mistake, and while Node-RED parses it, it does nothing else. */
export const FLOW_MOST_BYTES = 5_000_000
