"""Supabase: database, storage, tokens, and users' configurations.

The package `supabase` is the dependency, and this room alone imports it. What it is used for, and what not:

- **The database goes through its client**, `client.py`, as a user, as anonymous or as the service; which one is
  decided by the method of `Database` that is called. A user's client is made for one call and gone with it, so that no
  token is met by the next caller; the service's is kept while its key is in force. All of them share the one pool of
  the process. Its retries are off: they sleep, outside any deadline, and a statement that had its effect is not sent
  twice by somebody who does not know what it did. Its timeout has no effect on a pool that is given to it, so each
  call is bounded by the request's `Deadline` and by `CALL_SECONDS`.
- **Nobody signs in here**, so nothing is refreshed or kept as a session: its clients of sign-in and realtime are not
  made at all, those of files and functions never asked for. In the package that is deployed none of them is imported
  (`local/package/lazy.py`).
- **Files are read by `storage.py`**: the client's `download` holds a whole file in memory before anybody can ask how
  large it is. Ours reads in pieces, stops at the size that is wanted and at the deadline, and keeps the service to the
  folder of the owner for whom it acts.
- **Tokens are checked by `auth.py`** with the project's public keys from `jwks.py`: the client's `get_claims` accepts a
  wrong audience, a wrong issuer and a token that is not valid yet, and for HS256 it asks the network at each call.
"""
