//! Reports of a run: tables for the terminal and for a document, and charts.
//!
//! | file | holds |
//! |---|---|
//! | `tables` | the tables, in Markdown |
//! | `chart` | a chart of bars, as SVG |
//! | `charts` | the charts of a run |
//! | `document` | what a run writes to `docs` |

mod chart;
mod charts;
mod document;
mod tables;

pub(crate) use document::{replaced, write};
pub(crate) use tables::{at_rest, others, probes, scaling, title, workload};
