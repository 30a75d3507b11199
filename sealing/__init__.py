"""The only code that encrypts or signs: envelopes, keys, codes, custody."""
