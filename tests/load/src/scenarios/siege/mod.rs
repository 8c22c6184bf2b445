//! The siege: attacks on an engine with little memory and a limit of its address space, with an honest client beside them.
//! Each attack states what it sends, what the engine held meanwhile and what the honest client saw.
//!
//! | file | contents |
//! |---|---|
//! | `besieged` | the engine as a process with limits, its memory and its log |
//! | `honest` | the client whose requests have to be answered |
//! | `stage` | one attack from the start of the engine to the verdict |
//! | `ground` | shared by attacks: the address, the size, the bytes sent, bodies of requests |
//! | `items` | requests with many items, strings or large parameters |
//! | `readers` | clients that take little or nothing of their responses |
//! | `bodies` | clients that send little or nothing of their bodies |
//! | `pictures` | pictures that are slow to decode or large when decoded |
//! | `jpeg` | a JPEG that is slow to decode |
//! | `connections` | idle connections, unfinished heads, few descriptors, cancelled streams |
//! | `logs` | standard output that nobody reads, or that is gone |
//! | `stop` | the end of the grace period |
//! | `whole` | all attacks of callers at once |

mod besieged;
mod bodies;
mod connections;
mod ground;
mod honest;
mod items;
mod jpeg;
mod logs;
mod pictures;
mod readers;
mod stage;
mod stop;
mod whole;

use super::{Scenario, Target, scenario};

const fn siege(name: &'static str, about: &'static str, run: super::Run) -> Scenario {
    scenario(name, about, Target::Besieged, run)
}

/// All attacks, and the siege as a whole.
pub(super) const SIEGE: &[Scenario] = &[
    siege("siege-parameters", "16,384 items beside one large parameter, compressed", items::parameters),
    siege("siege-strings", "a tensor of millions of empty strings", items::strings),
    siege("siege-queue", "four requests of 16,384 items before requests of one item", items::queue),
    siege("siege-http2-window", "large responses over HTTP/2 with a window of 0", readers::http2_window),
    siege("siege-pages", "pages of the engine over HTTP/2 with a window of 0", readers::pages),
    siege("siege-readers", "large responses over HTTP/1 of which little or nothing is read", readers::http1),
    siege("siege-streams", "streams of which some bytes are read now and then", readers::streams),
    siege("siege-bodies", "bodies that arrive at a byte a second", bodies::http1),
    siege("siege-http2-bodies", "one HTTP/2 connection with POSTs whose bodies never arrive", bodies::http2),
    siege("siege-http2-streams", "many HTTP/2 connections full of POSTs without bodies", bodies::http2_many),
    siege("siege-scans", "JPEGs of 80 scans beside a small picture", pictures::scans),
    siege("siege-pixels", "a PNG of one row and a TIFF of floats, small files and large pictures", pictures::pixels),
    siege("siege-idle", "idle HTTP/2 connections up to the limit of connections", connections::idle),
    siege(
        "siege-busy",
        "HTTP/2 connections with unfinished requests up to the limit of connections",
        connections::busy,
    ),
    siege("siege-heads", "heads that never end, on connections that are closed then", connections::heads),
    siege("siege-descriptors", "more connections than the soft limit of descriptors", connections::descriptors),
    siege("siege-resets", "HTTP/2 streams that are cancelled at once", connections::resets),
    siege("siege-log-unread", "a log that nobody reads", logs::unread),
    siege("siege-log-slow", "a log that is read at 2 KB a second", logs::slow),
    siege("siege-log-gone", "a log whose reader is gone", logs::gone),
    siege("siege-log-full", "a log on a full disk", logs::full),
    siege("siege-grace", "callers that wait when the grace period ends", stop::grace),
    siege("siege", "all attacks of callers at once", whole::run),
];
