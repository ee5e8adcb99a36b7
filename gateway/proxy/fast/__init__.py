"""The fast path: both connections of an exchange as protocols, bytes handed from one to the other in the callback."""
