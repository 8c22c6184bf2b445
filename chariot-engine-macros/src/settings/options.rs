//! The attributes of the struct or the enum: `#[settings(...)]`.

use proc_macro2::TokenStream;
use syn::{DeriveInput, LitStr};

use super::field::is_variable;
use crate::shared::{Errors, default_crate, parse_attributes, parse_crate};

/// The attributes of the struct or the enum.
pub(super) struct Options {
    pub(super) sdk: TokenStream,
    pub(super) prefix: String,
    /// Set for the SDK's own struct. The key is not listed among the known ones.
    pub(super) runtime: bool,
}

pub(super) fn options(input: &DeriveInput, errors: &mut Errors) -> Options {
    let mut options = Options { sdk: default_crate(), prefix: String::new(), runtime: false };
    let is_struct = !matches!(input.data, syn::Data::Enum(_));
    parse_attributes(&input.attrs, "settings", errors, |key, errors| {
        match key.text().as_str() {
            "crate" => options.sdk = key.value(parse_crate)?,
            "prefix" if is_struct => {
                let text: LitStr = key.value(|input| input.parse())?;
                options.prefix = text.value();
                if !is_variable(&options.prefix) {
                    errors.on(&text, "expected a prefix of letters, digits and `_` that does not start with a digit");
                }
            }
            "runtime" if is_struct => options.runtime = true,
            _ if is_struct => return Err(key.unknown(&["prefix", "crate"])),
            _ => return Err(key.unknown(&["crate"])),
        }
        Ok(())
    });
    options
}
