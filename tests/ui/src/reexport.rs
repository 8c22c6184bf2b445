//! The SDK under another path, as in a crate that re-exports it for its own users.

use ::std::prelude::v1::derive;

/// The crate that re-exports the SDK.
mod facade {
    pub(super) use ::chariot_engine as sdk;
}

#[derive(facade::sdk::Settings)]
#[settings(crate = facade::sdk)]
struct Own {
    #[setting(default = 3, range = 1..)]
    count: ::core::primitive::usize,
    choice: ::core::option::Option<Choice>,
}

#[derive(facade::sdk::SettingChoice)]
#[settings(crate = "facade::sdk")]
enum Choice {
    One,
    Other,
}

#[derive(facade::sdk::TensorInput, facade::sdk::TensorOutput)]
#[tensors(crate = facade::sdk)]
struct Numbers {
    #[tensor(shape = [n])]
    numbers: ::std::vec::Vec<::core::primitive::f32>,
}

#[facade::sdk::chariot_engine(crate = "facade::sdk", main = false)]
struct Same;

impl facade::sdk::Model for Same {
    type Settings = Own;
    type Input = Numbers;
    type Output = Numbers;

    async fn load(_: &facade::sdk::model::LoadContext<Own>) -> facade::sdk::Result<Self> {
        ::core::result::Result::Ok(Same)
    }

    async fn infer(&self, batch: facade::sdk::model::Batch<Numbers>) -> facade::sdk::Result<::std::vec::Vec<Numbers>> {
        let (numbers, rows) = batch.join()?;
        rows.split(numbers)
    }
}
