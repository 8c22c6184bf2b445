//! An engine in a crate without a prelude, which shadows every name that generated code could rely on. Its attribute
//! has a default for every setting of the runtime; the tests start it.

#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types, unused_macros, reason = "the names that shadow others are not used")]

mod reexport;
mod tensors;

use ::std::prelude::v1::derive;

use ::chariot_engine::{
    input::Text,
    model::{Batch, LoadContext},
    output::{EncodeContext, Output},
    protocol::JsonText,
};

/// Defines names that generated code would use if it did not write full paths.
macro_rules! shadow {
    ($($name:ident)*) => {
        mod std {}
        mod core {}
        mod alloc {}
        mod chariot_engine {}
        $(struct $name;)*
        trait Send {}
        trait Sync {}
        trait Clone {}
        trait Into {}
        trait From {}
        trait Default {}
        trait Iterator {}
        macro_rules! vec { () => {}; }
        macro_rules! env { () => {}; }
        macro_rules! format { () => {}; }
        macro_rules! panic { () => {}; }
    };
}
use shadow;

shadow!(Option Some None Result Ok Err Vec String Box usize bool str u64 ExitCode Settings SettingChoice SettingText SettingValue Model Field Reader);

/// Settings, under names that generated code could use itself.
#[derive(::chariot_engine::Settings)]
#[settings(prefix = "HYGIENIC_")]
struct Own {
    /// A number
    #[setting(default = 3, range = 1..=10)]
    reader: ::core::primitive::usize,
    /// A string
    #[setting(default = "none")]
    value_0: ::std::string::String,
    /// A choice
    #[setting(default = Choice::Some)]
    field: Choice,
    /// An optional value
    r#type: ::core::option::Option<::core::primitive::bool>,
    /// Read by a function
    #[setting(default = 0.5, with = read)]
    text: ::core::primitive::f32,
    /// One of several numbers
    #[setting(values = [1, 2], default = 1, alias = ["schema", "located"])]
    schema: ::core::primitive::u64,
    /// One of several strings
    #[setting(values = ["a", "b"], deprecated = "has no effect")]
    values: ::core::option::Option<::std::string::String>,
    /// A secret
    secret: ::core::option::Option<::chariot_engine::settings::Secret>,
    /// An optional group
    #[setting(group)]
    group: ::core::option::Option<Group>,
    /// A group without a prefix
    #[setting(group = "")]
    same: Group,
}

/// Settings whose names other settings have too.
#[derive(::chariot_engine::Settings)]
struct Group {
    /// A number
    #[setting(default = 3)]
    group_reader: ::core::primitive::usize,
}

fn read(
    reader: &mut ::chariot_engine::settings::Reader<'_>,
    field: ::chariot_engine::settings::Field<::core::primitive::f32>,
) -> ::core::option::Option<::core::primitive::f32> {
    reader.field(field)
}

/// Words that mean something elsewhere.
#[derive(::chariot_engine::SettingChoice)]
enum Choice {
    Some,
    None,
    Ok,
    #[setting(name = "error")]
    Err,
}

/// An engine with a default for every setting of the runtime.
#[::chariot_engine::chariot_engine(
    name = "hygienic",
    version = "7.0.0",
    crate = "::chariot_engine",
    main = true,
    host = "127.0.0.1",
    port = 0,
    base_url = "/hygienic",
    model_dir = "nowhere",
    model_name = "hygienic",
    device = "cpu",
    workers = 1,
    threads = 1,
    max_concurrency = 1,
    inline = true,
    warm_up = true,
    queue_size = 10,
    max_batch = 8,
    batch_delay = "2ms",
    score_threshold = 0.25,
    output_layout = "objects",
    output_encoding = "string",
    max_body = "1MiB",
    max_inflight_bytes = "64MiB",
    max_request_bytes = "32MiB",
    compress_responses = false,
    max_pixels = 1_000_000,
    max_text = "64KiB",
    cors_origins = "https://example.org",
    max_head = "32KiB",
    header_timeout = "5s",
    idle_timeout = "11m",
    min_rate = "2KiB",
    body_timeout = 5,
    write_timeout = "5s",
    max_connections = 100,
    timeout = "1m 30s",
    stream_timeout = "9m",
    stall_timeout = "5m",
    drain_delay = 0,
    grace = 0.5,
    metrics = false,
    page = false,
    log_level = "info,ort=warn",
    log_format = "json",
    request_log = "all"
)]
struct Hygienic {
    settings: ::core::primitive::usize,
}

impl ::chariot_engine::Model for Hygienic {
    type Settings = Own;
    type Input = Text;
    type Output = Length;

    async fn load(ctx: &LoadContext<Own>) -> ::chariot_engine::Result<Self> {
        ::core::result::Result::Ok(Hygienic { settings: ctx.settings().reader })
    }

    async fn infer(&self, batch: Batch<Text>) -> ::chariot_engine::Result<::std::vec::Vec<Length>> {
        batch.try_map(|text| ::core::result::Result::Ok(Length(text.as_str().len() * self.settings)))
    }
}

/// An output type of the crate.
struct Length(::core::primitive::usize);

impl Output<::chariot_engine::input::modality::Text> for Length {
    fn encode(self, _: &EncodeContext<'_>) -> ::chariot_engine::Result<JsonText> {
        if self.0 == 0 {
            ::chariot_engine::reject!("expected a text, got an empty one");
        }
        ::core::result::Result::Ok(JsonText::from_value(&self.0)?)
    }
}
