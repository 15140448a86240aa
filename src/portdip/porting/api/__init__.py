"""The porting layer over HTTP: `/v1/porting/...`, for carriers' systems, the centre and the regulator."""
