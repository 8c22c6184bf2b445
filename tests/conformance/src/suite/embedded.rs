//! The files of cases that are built into the library: at least one per section of the specification.

/// The names and the contents of the files.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("2-routes.toml", include_str!("../../cases/2-routes.toml")),
    ("3-errors.toml", include_str!("../../cases/3-errors.toml")),
    ("4-tensors.toml", include_str!("../../cases/4-tensors.toml")),
    ("5-items.toml", include_str!("../../cases/5-items.toml")),
    ("5-tasks.toml", include_str!("../../cases/5-tasks.toml")),
    ("5-rows.toml", include_str!("../../cases/5-rows.toml")),
    ("5-streaming.toml", include_str!("../../cases/5-streaming.toml")),
    ("6-binary.toml", include_str!("../../cases/6-binary.toml")),
    ("7-compression.toml", include_str!("../../cases/7-compression.toml")),
    ("8-chariot-v2.toml", include_str!("../../cases/8-chariot-v2.toml")),
    ("9-openai.toml", include_str!("../../cases/9-openai.toml")),
];
