//! Tests of the suite: its cases are valid, it passes on correct engines, and it fails on faulty servers.

mod command;
mod golden;
mod learning;
mod planted;
mod rows;
mod scripted;
mod served;
mod suite;
mod tasks;
