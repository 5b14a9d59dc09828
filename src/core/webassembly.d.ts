/** Node's own, which neither TypeScript's library without the browser's nor @types/node 20 declares. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};
