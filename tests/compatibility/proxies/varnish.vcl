# The rules are the built-in ones: GET is cached, POST passes.
vcl 4.1;

import directors;
import std;

# Everything about the check is a default except for its pace, and that a backend is down until a check has passed.
probe root {
    .interval = 100ms;
    .window = 1;
    .threshold = 1;
    .initial = 0;
}

probe ready {
    .url = "/ready";
    .interval = 100ms;
    .window = 1;
    .threshold = 1;
    .initial = 0;
}

backend engine {
    .host = "127.0.0.1";
    .port = "{engine.port}";
}

backend checked {
    .host = "127.0.0.1";
    .port = "{engine.port}";
    .probe = root;
}

backend first {
    .host = "127.0.0.1";
    .port = "{first.port}";
    .probe = ready;
}

backend second {
    .host = "127.0.0.1";
    .port = "{second.port}";
    .probe = ready;
}

sub vcl_init {
    new pool = directors.round_robin();
    pool.add_backend(first);
    pool.add_backend(second);
}

sub vcl_recv {
    # The state of the backend that is checked.
    if (std.port(server.ip) == {health}) {
        set req.backend_hint = checked;
        if (std.healthy(req.backend_hint)) {
            return (synth(200));
        }
        return (synth(503));
    }
    if (std.port(server.ip) == {pool}) {
        set req.backend_hint = pool.backend();
    } else {
        set req.backend_hint = engine;
    }
}
