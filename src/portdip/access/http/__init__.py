"""Dips over HTTP: a request walks from `protocol` (who is slow is cut) to `front` (who may ask; single dips), and from
there to `app` (FastAPI: everything else, and the OpenAPI document) and `lists`. `server` runs it on sockets.
"""
