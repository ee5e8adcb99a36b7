"""HTTP/1 as bytes: heads read strictly, bodies followed by their framing. Pure: no sockets, no clock."""
