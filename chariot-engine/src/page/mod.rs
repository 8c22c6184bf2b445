//! The page to try an engine in: one document that knows what the engine takes and returns from its OpenAPI document. The
//! server sends it to browsers.
//!
//! | file | contents |
//! |---|---|
//! | `document` | [`Page`]: the document, as it is sent |
//! | `join` | the join of the source files into one document |
//! | `index.html`, `style.css`, `*.js` | the source files: a frame, its style, and ES modules, each one thing |
//!
//! The modules are joined into one script, because a policy of content admits an inline script by its hash, and one
//! document works under any URL.

mod document;
mod join;

pub(crate) use document::Page;
