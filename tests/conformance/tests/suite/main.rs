//! The suite itself: its cases can be read, it passes on engines that are right, and it fails on servers that are not.

mod command;
mod learning;
mod planted;
mod rows;
mod scripted;
mod served;
mod suite;
mod tasks;
