/* How hey-api generates its client: OPENAPI names the document. */
export default {
  input: process.env.OPENAPI,
  output: { path: "hey-api", importFileExtension: ".js" },
  plugins: ["@hey-api/client-fetch", "@hey-api/sdk", "@hey-api/typescript"],
};
