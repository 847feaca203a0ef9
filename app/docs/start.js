"use strict";

// Relative, so that the page works behind a proxy that adds a prefix. No validator: it would send the document's
// address to a service elsewhere. Credentials are kept in the page's memory only.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#documentation",
  validatorUrl: null,
  persistAuthorization: false,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  displayRequestDuration: true,
  filter: true,
  showExtensions: true,
});
