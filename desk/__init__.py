"""The investigators' web desk: an API over ciphertext, and static pages that decrypt in the browser. Declares the port it reads through."""
