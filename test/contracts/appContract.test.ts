/** Replays test/contracts/app.cases.json against the app itself, without a host. */
import { replayCases } from './appCases.ts'
import { createCaseHandler } from './caseApps.ts'

const handle = createCaseHandler()
replayCases('no host', (path, init) => handle(new Request(new URL(path, 'http://localhost'), init)))
