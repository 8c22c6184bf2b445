//! The page to try an engine in: its responses over sockets, and the page itself in a browser.
//!
//! | file | contents |
//! |---|---|
//! | `sockets` | who gets the page, and with which headers |
//! | `browser` | Debian's chromium, driven over WebDriver |
//! | `engines` | the engines behind the page |
//! | `inputs` | images, rows, texts: from what a person enters to what they see |
//! | `pictures` | the ways of a picture into the page |
//! | `conversation` | conversations, and replies that arrive in parts |
//! | `answers`, `canvas` | answers drawn on pictures and written as tables, and what is drawn, read back |
//! | `states` | engines that load, that go away, and that refuse |
//! | `dev` | an engine under a development loop |
//! | `hostile` | texts that would run if the page took them for markup |
//! | `access` | engines that ask for a token |
//! | `views` | the monitor and the reference |
//! | `state` | the settings and the last errors, and who gets them |
//! | `snippets` | the requests as code, which run |

mod access;
mod answers;
mod browser;
mod canvas;
mod conversation;
#[cfg(unix)]
mod dev;
mod engines;
mod hostile;
mod inputs;
mod pictures;
mod snippets;
mod sockets;
mod state;
mod states;
mod views;
