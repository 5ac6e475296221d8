/** The HTTP API's reference, to read and to try: Swagger UI over openapi.yaml, all of it served from here. */

interface SwaggerOptions {
  url: string;
  dom_id: string;
  deepLinking: boolean;
  docExpansion: 'list' | 'full' | 'none';
  validatorUrl: null;
}

declare const SwaggerUIBundle: (options: SwaggerOptions) => unknown;

SwaggerUIBundle({
  url: '/docs/openapi.yaml',
  dom_id: '#app',
  deepLinking: true,
  docExpansion: 'list',
  validatorUrl: null, // it would send the document to somebody else
});

export {};
