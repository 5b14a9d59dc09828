/** JSON Web Keys (RFC 7517): what the service takes of them. */

export const keyTypes = ['RSA', 'oct'] as const;
export type KeyType = (typeof keyTypes)[number];

export const keyUses = ['sig', 'enc'] as const;
export type KeyUse = (typeof keyUses)[number];

/** The smallest RSA modulus the service takes, in bits (AADB2C90137; keysets-api.md section 4). */
export const minimumRsaBits = 2048;
