// Loaded with NODE_OPTIONS=--require: breaks something that Node offers, so that a bug of ours shows.
'use strict';
const broken = () => {
  throw new TypeError('sabotaged');
};
switch (process.env.SABOTAGE) {
  case 'URL':
    globalThis.URL = class {
      constructor() {
        broken();
      }
    };
    break;
  case 'randomUUID':
    require('node:crypto').randomUUID = broken;
    break;
  case 'null':
    // Anything can be thrown.
    require('node:crypto').randomUUID = () => {
      throw null;
    };
    break;
}
