"""The API's documentation: the OpenAPI document, and a page that shows it without a network."""
