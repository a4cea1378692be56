import { boardContract } from './board.contract.ts'
import { inProcess, overHttp } from './testing/bench.ts'

boardContract('in process', inProcess)
boardContract('over HTTP', overHttp)
