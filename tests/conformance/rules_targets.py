"""Rules for request lines: targets and methods."""

from __future__ import annotations

from tests.conformance.rows import Row, answered, ask, head, upload

_LONG = b"/v1/" + b"a" * 20_000

TARGETS = [
    *(
        Row(f"the target travels as it was written: {what}", ask(target))
        for what, target in {
            "a plain path": b"/v1beta/interactions",
            "the root": b"/",
            "an escaped slash in an id": b"/v1/interactions/a%2Fb",
            "escapes in lower and upper case": b"/v1/%e2%82%AC/%41",
            "an escaped dot segment": b"/v1/%2e%2e/files",
            "an escaped percent sign": b"/v1/100%25",
            "a broken escape": b"/v1/100%zz/%",
            "two slashes in the path": b"/v1//files",
            "two slashes at the start": b"//v1/files",
            "dot segments": b"/v1/a/../b/./c",
            "dot segments above the root": b"/../../etc",
            "a trailing slash": b"/v1/files/",
            "semicolon parameters": b"/v1/files;a=1;b/c;d",
            "a colon verb": b"/v1beta/models/gemini:streamGenerateContent?alt=sse",
            "sub-delimiters": b"/v1/!$&'()*+,=:@~_-.",
            "an empty query": b"/v1/files?",
            "a query of one question mark": b"/v1/files??",
            "a slash in the query": b"/v1/files?a=/b//c/../d",
            "repeated keys": b"/v1/files?a=1&a=2&a=&a",
            "empty pairs": b"/v1/files?&&=&a==b&",
            "plus and escaped space": b"/v1/files?q=a+b%20c",
            "a key in the query": b"/v1/files?key=AIza%2Dsecret&alt=sse",
            "brackets in the query": b"/v1/files?f[a]=1&f[]=2",
            "a nested address in the query": b"/v1/files?u=http://other.test/x?y=z",
            "a query without a path": b"/?a",
            "a long path": _LONG,
            "a long query": b"/v1?" + b"q=1&" * 5000,
            "quotes and brackets": b'/v1/"<>^`{|}',
            "a backslash": b"/v1\\files",
        }.items()
    ),
    Row(
        "the target travels as it was written: a fragment sign",
        ask(b"/v1/files?a=1#part"),
        via=frozenset({"direct", "gateway"}),
    ),
    Row("the target travels as it was written: bytes beyond ASCII", ask("/v1/é?q=ü€".encode())),
    Row("the target travels as it was written: Latin-1 bytes", ask(b"/v1/\xe9?q=\xfc")),
    Row("an absolute target is sent in origin form", ask(b"http://client.test/v1/files?a=1")),
    Row("an absolute target does not choose the upstream", ask(b"http://169.254.169.254/latest/meta-data")),
    Row("an absolute target without a path asks for the root", ask(b"http://client.test")),
    Row("an absolute target keeps its bare question mark", ask(b"http://client.test/v1/files?")),
    Row("an absolute target in capitals", ask(b"HTTP://CLIENT.test/v1/Files")),
    Row("an absolute target of https", ask(b"https://client.test/v1/files")),
    Row("an absolute target with a user", ask(b"http://user:secret@client.test/v1/files")),
    Row("an absolute target with another in its path", ask(b"http://client.test/v1/http://other.test/x")),
    Row("an absolute target with a query and no path", ask(b"http://client.test?a=1")),
    Row("OPTIONS for the whole server keeps its star", ask(b"*", method=b"OPTIONS")),
]

METHODS = [
    *(
        Row(f"the method travels as it was written: {method.decode()}", ask(method=method))
        for method in (
            b"GET",
            b"DELETE",
            b"OPTIONS",
            b"TRACE",
            b"PROPFIND",
            b"REPORT",
            b"SEARCH",
            b"PURGE",
            b"LINK",
        )
    ),
    *(
        Row(
            f"the method travels as it was written, with its body: {method.decode()}",
            ask(method=method, body=b'{"a":1}'),
        )
        for method in (b"POST", b"PUT", b"PATCH", b"DELETE", b"GET", b"QUERY", b"MKCOL", b"OPTIONS")
    ),
    *(
        Row(
            f"the method travels as it was written, with its chunks: {method.decode()}",
            upload(b"abc", b"de").replace(b"POST", method, 1),
        )
        for method in (b"GET", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
    ),
    *(
        Row(f"a bodiless {method.decode()} stays without a length", ask(method=method))
        for method in (b"POST", b"PUT", b"PATCH")
    ),
    Row(
        "the method travels as it was written: HEAD",
        ask(method=b"HEAD"),
        answered(head(b"Content-Length: 2")),
    ),
    Row("a method nobody has heard of travels", ask(method=b"FROBNICATE")),
    Row("a method in lower case stays so", ask(method=b"get")),
]
