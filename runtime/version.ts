/** Version of this package. Written out, for bundles have no package.json beside them; test/package.test.ts compares the two. */
export const VERSION = '0.1.0'
/** Name and version, as written into indexes. */
export const BUILDER_NAME = `tartan-search ${VERSION}`
