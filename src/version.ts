/** From package.json, put in by the bundler. */
import packageJson from '../package.json' with { type: 'json' };

export const { version } = packageJson;
