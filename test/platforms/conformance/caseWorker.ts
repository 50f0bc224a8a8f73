/** Serves the case apps in workerd. */
import { createCaseHandler } from '../../contracts/caseApps.ts'

const handle = createCaseHandler()

export default { fetch: (request: Request): Promise<Response> => handle(request) }
