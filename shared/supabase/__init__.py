"""Supabase: database, storage, tokens, and users' configurations.

Only this room imports the package `supabase`. What it is used for, and what not:

- **The database goes through its client**, `client.py`, as a user, as anonymous or as the service; which one is
  decided by the method of `Database` that is called. A user's client is created for one call, so that no other caller
  can use its token; the service's client is kept while its key is valid. All share the process's connection pool. The
  client's retries are off: they sleep outside any deadline, and could repeat a statement that had its effect. Its
  timeout has no effect with a given pool, so the request's `Deadline` and `CALL_SECONDS` limit each call.
- **Nobody signs in here**, so no session is kept or refreshed: the clients of sign-in and realtime are not created, and
  those of files and functions are not used. In the deployed package none of them is imported
  (`local/package/lazy.py`).
- **Files are read by `storage.py`**: the client's `download` reads a whole file into memory, whatever its size. Ours
  reads in chunks, stops at a size and at the deadline, and limits the service to the owner's folder.
- **Tokens are checked by `auth.py`** with the project's public keys from `jwks.py`: the client's `get_claims` accepts a
  wrong audience, a wrong issuer and a token that is not valid yet, and for HS256 it calls the network each time.
"""
