//! `#[derive(TensorInput)]` and `#[derive(TensorOutput)]`: a struct of named tensors.
//!
//! `TensorInput` implements `FromTensors` and `Input`, `TensorOutput` implements `IntoTensors` and `Output`. A struct can have
//! both derives.

mod declaration;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Data, DeriveInput, Fields, Ident, spanned::Spanned};

use self::declaration::{Dim, Tensor, check_together, tensor};
use crate::shared::{Errors, default_crate, for_stub, parse_attributes, parse_crate};

/// The derive that is expanded.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Direction {
    Input,
    Output,
}

pub(crate) fn derive(input: &DeriveInput, direction: Direction) -> TokenStream {
    let mut errors = Errors::default();
    let sdk = sdk(input, &mut errors);
    if let Some(parameter) = input.generics.params.first() {
        errors.on(
            parameter,
            "a struct of tensors cannot have parameters, because its tensors are the same for all requests",
        );
    }
    let mut tensors = vec![];
    match &input.data {
        Data::Struct(data) if matches!(&data.fields, Fields::Named(fields) if !fields.named.is_empty()) => {
            tensors.extend(data.fields.iter().filter_map(|field| tensor(field, &mut errors)));
        }
        _ => errors.on(&input.ident, "expected a struct with named fields, one for each tensor"),
    }
    check_together(&tensors, &mut errors);

    if errors.is_empty() {
        let implementation = tensor_struct(&input.ident, &tensors, direction, &sdk);
        let role = role(input, direction, &sdk);
        return quote!(#implementation #role);
    }
    let input = &for_stub(input);
    let (errors, stub, role) = (errors.into_tokens(), stub(input, direction, &sdk), role(input, direction, &sdk));
    quote!(#errors #stub #role)
}

/// Parses the path of the SDK from `#[tensors(crate = path)]`.
fn sdk(input: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let mut sdk = default_crate();
    parse_attributes(&input.attrs, "tensors", errors, |key, _| {
        match key.text().as_str() {
            "crate" => sdk = key.value(parse_crate)?,
            _ => return Err(key.unknown(&["crate"])),
        }
        Ok(())
    });
    sdk
}

/// Implements `FromTensors` or `IntoTensors`.
fn tensor_struct(ident: &Ident, tensors: &[Tensor], direction: Direction, sdk: &TokenStream) -> TokenStream {
    let (mut specs, mut functions) = (vec![], vec![]);
    for (number, tensor) in tensors.iter().enumerate() {
        let Tensor { ty, name, .. } = tensor;
        let function = format_ident!("__chariot_tensor_{number}");
        let as_field = as_field(tensor, sdk);
        specs.push(spec(tensor, &function, &as_field, sdk));
        if tensor.shape.iter().filter(|dim| !matches!(dim, Dim::Fixed(_))).count() > 1 {
            let text = format!(
                "`{name}` has several dimensions of any length, and a vector does not know its shape: use `Tensor`"
            );
            specs.push(quote_spanned!(ty.span()=> const _: () = ::core::assert!(#as_field::HAS_SHAPE, #text);));
        }
        functions.push(function);
    }
    let rows = tensors.iter().position(Tensor::has_rows).map_or_else(
        || quote!(1),
        |number| {
            let (Tensor { ident: field, ty, .. }, function) = (&tensors[number], &functions[number]);
            quote!(<#ty as #sdk::input::TensorField>::rows(&self.#field, &#function()))
        },
    );
    let shared = quote! {
        fn signature() -> ::std::vec::Vec<#sdk::model::TensorSpec> {
            ::std::vec![#(#functions()),*]
        }

        fn rows(&self) -> ::core::primitive::usize {
            #rows
        }
    };
    let implementation = match direction {
        Direction::Input => from_tensors(ident, tensors, &shared, sdk),
        Direction::Output => into_tensors(ident, tensors, &functions, &shared, sdk),
    };
    quote! {
        const _: () = {
            #(#specs)*
            #implementation
        };
    }
}

/// Returns the type of a field as a `TensorField`, at the type's own span so that an error about it is reported there.
fn as_field(tensor: &Tensor, sdk: &TokenStream) -> TokenStream {
    let ty = &tensor.ty;
    quote_spanned!(ty.span()=> <#ty as #sdk::input::TensorField>)
}

/// Implements `FromTensors`.
fn from_tensors(ident: &Ident, tensors: &[Tensor], shared: &TokenStream, sdk: &TokenStream) -> TokenStream {
    let (mut joins, mut takes, mut sizes) = (vec![], vec![], vec![]);
    for tensor in tensors {
        let (Tensor { ident: field, name, .. }, as_field) = (tensor, as_field(tensor, sdk));
        sizes.push(quote!(#as_field::memory(&self.#field)));
        joins.push(if tensor.has_rows() {
            quote!(#field: #as_field::join(
                &::core::iter::Iterator::collect::<::std::vec::Vec<_>>(
                    ::core::iter::Iterator::map(requests.iter(), |request| &request.#field)
                ),
                device,
            )?)
        } else {
            let text = format!("tensor '{name}' has no rows, so requests with it cannot be joined");
            quote!(#field: match requests {
                [only] => #as_field::join(&[&only.#field], device)?,
                _ => return ::core::result::Result::Err(::core::convert::From::from(#text)),
            })
        });
        takes.push(quote!(#field: tensors.take(#name, |data, shape| #as_field::from_data(data, shape))?));
    }
    quote! {
        #[automatically_derived]
        impl #sdk::input::FromTensors for #ident {
            #shared

            fn memory(&self) -> ::core::primitive::usize {
                0 #(+ #sizes)*
            }

            fn join(requests: &[&Self], device: &#sdk::device::Device) -> #sdk::Result<Self> {
                ::core::result::Result::Ok(#ident { #(#joins),* })
            }

            fn from_tensors(tensors: &mut #sdk::input::TensorReader<'_>) -> #sdk::Result<Self> {
                ::core::result::Result::Ok(#ident { #(#takes),* })
            }
        }
    }
}

/// Implements `IntoTensors`.
fn into_tensors(
    ident: &Ident,
    tensors: &[Tensor],
    functions: &[Ident],
    shared: &TokenStream,
    sdk: &TokenStream,
) -> TokenStream {
    let (mut slices, mut outputs) = (vec![], vec![]);
    for (tensor, function) in tensors.iter().zip(functions) {
        let (Tensor { ident: field, name, .. }, as_field) = (tensor, as_field(tensor, sdk));
        slices.push(if tensor.has_rows() {
            quote!(#field: #as_field::slice(&self.#field, ::core::clone::Clone::clone(&rows), &#function())?)
        } else {
            let all = quote!(0..#as_field::rows(&self.#field, &#function()));
            quote!(#field: #as_field::slice(&self.#field, #all, &#function())?)
        });
        outputs.push(quote!(#as_field::into_output(self.#field, #name, &#function())?));
    }
    quote! {
        #[automatically_derived]
        impl #sdk::input::IntoTensors for #ident {
            #shared

            fn slice(&self, rows: ::core::ops::Range<::core::primitive::usize>) -> #sdk::Result<Self> {
                ::core::result::Result::Ok(#ident { #(#slices),* })
            }

            fn into_tensors(self) -> #sdk::Result<::std::vec::Vec<#sdk::protocol::InferOutput>> {
                ::core::result::Result::Ok(::std::vec![#(#outputs),*])
            }
        }
    }
}

/// Returns a function that creates the declaration of one tensor.
fn spec(tensor: &Tensor, function: &Ident, as_field: &TokenStream, sdk: &TokenStream) -> TokenStream {
    let Tensor { name, help, .. } = tensor;
    let datatype = match &tensor.datatype {
        Some(variant) => quote!(#sdk::protocol::DataType::#variant),
        None => quote!(#as_field::DATATYPE),
    };
    let shape = tensor.shape.iter().map(|dim| match dim {
        Dim::Batch(name) => {
            let name = name.to_string();
            quote!(#sdk::model::Dim::Batch(#name))
        }
        Dim::Fixed(length) => quote!(#sdk::model::Dim::Fixed(#length)),
        Dim::Any => quote!(#sdk::model::Dim::Any),
    });
    let converting = tensor.convert.then(|| quote!(.converting()));
    quote! {
        fn #function() -> #sdk::model::TensorSpec {
            #sdk::model::TensorSpec::new(#name, #datatype, &[#(#shape),*], #help) #converting
        }
    }
}

/// Implements `Input` or `Output`.
fn role(input: &DeriveInput, direction: Direction, sdk: &TokenStream) -> TokenStream {
    let (ident, (generics, arguments, conditions)) = (&input.ident, input.generics.split_for_impl());
    let request = quote!(#sdk::input::modality::Request);
    match direction {
        Direction::Input => quote! {
            #[automatically_derived]
            impl #generics #sdk::input::Input for #ident #arguments #conditions {
                type Modality = #request;

                const INLINE: ::core::primitive::bool = true;

                fn decode(
                    request: #sdk::protocol::InferRequest,
                    cx: &#sdk::input::DecodeContext<'_>,
                ) -> #sdk::Result<Self> {
                    #sdk::input::decode_tensors(request, cx)
                }

                fn tensors() -> ::std::vec::Vec<#sdk::model::TensorSpec> {
                    <Self as #sdk::input::FromTensors>::signature()
                }

                fn memory(&self) -> ::core::primitive::usize {
                    <Self as #sdk::input::FromTensors>::memory(self)
                }

                fn cost(&self) -> #sdk::model::BatchCost {
                    #sdk::model::BatchCost::new(<Self as #sdk::input::FromTensors>::rows(self))
                }
            }
        },
        Direction::Output => quote! {
            #[automatically_derived]
            impl #generics #sdk::output::Output<#request> for #ident #arguments #conditions {
                fn tensors() -> ::std::vec::Vec<#sdk::model::TensorSpec> {
                    <Self as #sdk::input::IntoTensors>::signature()
                }

                fn encode(
                    self,
                    _: &#sdk::output::EncodeContext<'_>,
                ) -> #sdk::Result<::std::vec::Vec<#sdk::protocol::InferOutput>> {
                    <Self as #sdk::input::IntoTensors>::into_tensors(self)
                }
            }
        },
    }
}

/// Returns an implementation that stands beside errors, so that the compiler reports only them.
fn stub(input: &DeriveInput, direction: Direction, sdk: &TokenStream) -> TokenStream {
    let (ident, (generics, arguments, conditions)) = (&input.ident, input.generics.split_for_impl());
    let shared = quote! {
        fn signature() -> ::std::vec::Vec<#sdk::model::TensorSpec> {
            ::std::vec::Vec::new()
        }

        fn rows(&self) -> ::core::primitive::usize {
            0
        }
    };
    match direction {
        Direction::Input => quote! {
            impl #generics #sdk::input::FromTensors for #ident #arguments #conditions {
                #shared

                fn join(_: &[&Self], _: &#sdk::device::Device) -> #sdk::Result<Self> {
                    loop {}
                }

                fn from_tensors(_: &mut #sdk::input::TensorReader<'_>) -> #sdk::Result<Self> {
                    loop {}
                }
            }
        },
        Direction::Output => quote! {
            impl #generics #sdk::input::IntoTensors for #ident #arguments #conditions {
                #shared

                fn slice(&self, _: ::core::ops::Range<::core::primitive::usize>) -> #sdk::Result<Self> {
                    loop {}
                }

                fn into_tensors(self) -> #sdk::Result<::std::vec::Vec<#sdk::protocol::InferOutput>> {
                    loop {}
                }
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(input: &str) -> Vec<String> {
        let expanded = derive(&syn::parse_str(input).unwrap(), Direction::Input).to_string();
        let faults = expanded.split("compile_error ! { \"").skip(1);
        faults.map(|rest| rest.split("\" }").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_shape_has_fixed_lengths_any_length_and_rows() {
        let shape = |shape: &str| faults(&format!("struct A {{ #[tensor(shape = {shape})] a: Vec<f32> }}"));
        for valid in ["[n, 4]", "[n]", "[]", "[_, _, 3]", "[2, {WIDTH}, (WIDTH + 1), consts::HEIGHT]", "[n, 4,]"] {
            assert_eq!(shape(valid), [""; 0], "{valid}");
        }
        for invalid in ["[N, 4]", "[4, n]", "[0]", "4", "[n, \"x\"]", "[n 4]", "[-1]", "[1.5]"] {
            assert_eq!(shape(invalid).len(), 1, "{invalid}: {:?}", shape(invalid));
        }
    }

    #[test]
    fn messages() {
        let field = |attribute: &str| format!("struct A {{ #[tensor({attribute})] a: Vec<f32> }}");
        let two = "struct A { #[tensor(shape = [n])] a: Vec<f32>, #[tensor(shape = [m], name = \"a\")] b: Vec<f32> }";
        assert_eq!(faults(two).len(), 2, "fields are checked together");
        let cases = [
            field("shape = 4"),
            field("shape = [0]"),
            field("shape = [-1]"),
            field("shape = [N, 4]"),
            field("shape = [4, n]"),
            field("shape = [n, \"x\"]"),
            field("shape = [{A B}]"),
            field("shape = [n], name = \"\""),
            field("shape = [n], datatype = \"float\""),
            field("shape = [n], help = \"x\""),
            "struct A { a: Vec<f32> }".to_owned(),
            "struct A;".to_owned(),
            "struct A<T> { #[tensor(shape = [n])] a: Vec<T> }".to_owned(),
            "#[tensors(output)] struct A { #[tensor(shape = [n])] a: Vec<f32> }".to_owned(),
            two.to_owned(),
        ];
        let text: String = cases.iter().map(|input| format!("{input} → {}\n", faults(input).join(" | "))).collect();
        insta::assert_snapshot!("messages", text);
    }

    #[test]
    fn each_derive_implements_its_own_traits() {
        let input = "#[tensors(crate = other::sdk)] struct A { #[tensor(shape = [n])] a: Vec<f32> }";
        let expand = |direction| derive(&syn::parse_str(input).unwrap(), direction).to_string();
        let (expanded_input, output) = (expand(Direction::Input), expand(Direction::Output));
        for part in ["FromTensors for A", "input :: Input for A"] {
            assert_eq!((expanded_input.matches(part).count(), output.matches(part).count()), (1, 0), "{part}");
        }
        for part in ["IntoTensors for A", "output :: Output < other :: sdk"] {
            assert_eq!((expanded_input.matches(part).count(), output.matches(part).count()), (0, 1), "{part}");
        }
    }
}
