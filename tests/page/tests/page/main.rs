//! The page to try an engine in: its responses over sockets, and the page itself in a browser.
//!
//! | file | contents |
//! |---|---|
//! | `sockets` | who gets the page, and with which headers |
//! | `browser` | Debian's chromium, driven over WebDriver |
//! | `engines` | the engines behind the page |
//! | `inputs` | images, rows, texts: from what a person enters to what they see |
//! | `answers` | answers drawn on pictures and written as tables |
//! | `states` | engines that load, that go away, and that refuse |
//! | `hostile` | texts that would run if the page took them for markup |
//! | `views` | the monitor, the reference, and the requests as code |

mod answers;
mod browser;
mod engines;
mod hostile;
mod inputs;
mod sockets;
mod states;
mod views;
