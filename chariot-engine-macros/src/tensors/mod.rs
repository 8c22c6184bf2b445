//! `#[derive(TensorInput)]` and `#[derive(TensorOutput)]`: a struct of named tensors.

mod declaration;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Data, DeriveInput, Fields, Ident, spanned::Spanned};

use self::declaration::{Dim, Tensor, check_together, tensor};
use crate::shared::{Errors, default_crate, for_stub, parse_attributes, parse_crate};

/// Which derive it is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Face {
    Input,
    Output,
}

struct Options {
    sdk: TokenStream,
    /// An input that is an output too.
    output: bool,
}

pub(crate) fn derive(input: &DeriveInput, face: Face) -> TokenStream {
    let mut errors = Errors::default();
    let options = options(input, face, &mut errors);
    if let Some(parameter) = input.generics.params.first() {
        errors
            .on(parameter, "a struct of tensors has no parameters: its signature is one and the same for all requests");
    }
    let mut tensors = vec![];
    match &input.data {
        Data::Struct(data) if matches!(&data.fields, Fields::Named(fields) if !fields.named.is_empty()) => {
            tensors.extend(data.fields.iter().filter_map(|field| tensor(field, &mut errors)));
        }
        _ => errors.on(&input.ident, "named tensors need a struct with named fields, one for each tensor"),
    }
    check_together(&tensors, &mut errors);

    let sdk = &options.sdk;
    if errors.is_empty() {
        let faces = faces(input, face, &options);
        let implementation = tensor_struct(&input.ident, &tensors, sdk);
        return quote!(#implementation #faces);
    }
    let input = &for_stub(input);
    let (errors, stub, faces) = (errors.into_tokens(), stub(input, sdk), faces(input, face, &options));
    quote!(#errors #stub #faces)
}

fn options(input: &DeriveInput, face: Face, errors: &mut Errors) -> Options {
    let mut options = Options { sdk: default_crate(), output: false };
    let known: &[&str] = if face == Face::Input { &["output", "crate"] } else { &["crate"] };
    parse_attributes(&input.attrs, "tensors", errors, |key, _| {
        match key.text().as_str() {
            "crate" => options.sdk = key.value(parse_crate)?,
            "output" if face == Face::Input => options.output = true,
            _ => return Err(key.unknown(known)),
        }
        Ok(())
    });
    options
}

fn tensor_struct(ident: &Ident, tensors: &[Tensor], sdk: &TokenStream) -> TokenStream {
    let (mut specs, mut joins, mut slices, mut reads, mut writes) = (vec![], vec![], vec![], vec![], vec![]);
    let mut functions = vec![];
    for (number, tensor) in tensors.iter().enumerate() {
        let Tensor { ident: field, ty, name, .. } = tensor;
        let function = format_ident!("__chariot_tensor_{number}");
        // The type's own span, so that a type that no tensor can have is the error's place.
        let as_field = quote_spanned!(ty.span()=> <#ty as #sdk::input::TensorField>);
        specs.push(spec(tensor, &function, &as_field, sdk));
        if tensor.shape.iter().filter(|dim| !matches!(dim, Dim::Fixed(_))).count() > 1 {
            let text = format!(
                "`{name}` has several dimensions that vary, and a vector does not know its shape: take `Tensor`"
            );
            specs.push(quote_spanned!(ty.span()=> const _: () = ::core::assert!(#as_field::HAS_SHAPE, #text);));
        }
        joins.push(if tensor.has_rows() {
            quote!(#field: #as_field::join(
                &::core::iter::Iterator::collect::<::std::vec::Vec<_>>(
                    ::core::iter::Iterator::map(parts.iter(), |part| &part.#field)
                ),
                device,
            )?)
        } else {
            let text = format!("tensor '{name}' has no rows: requests with it cannot be joined");
            quote!(#field: match parts {
                [only] => #as_field::join(&[&only.#field], device)?,
                _ => return ::core::result::Result::Err(::core::convert::From::from(#text)),
            })
        });
        slices.push(if tensor.has_rows() {
            quote!(#field: #as_field::slice(&self.#field, ::core::clone::Clone::clone(&rows), &#function())?)
        } else {
            let all = quote!(0..#as_field::rows(&self.#field, &#function()));
            quote!(#field: #as_field::slice(&self.#field, #all, &#function())?)
        });
        reads.push(quote!(#field: tensors.read(#name, |data, shape| #as_field::read(data, shape))?));
        writes.push(quote!(#as_field::write(self.#field, #name, &#function())?));
        functions.push(function);
    }
    let rows = tensors.iter().position(Tensor::has_rows).map_or_else(
        || quote!(1),
        |number| {
            let (Tensor { ident: field, ty, .. }, function) = (&tensors[number], &functions[number]);
            quote!(<#ty as #sdk::input::TensorField>::rows(&self.#field, &#function()))
        },
    );
    quote! {
        const _: () = {
            #(#specs)*

            #[automatically_derived]
            impl #sdk::input::TensorStruct for #ident {
                fn signature() -> ::std::vec::Vec<#sdk::model::TensorSpec> {
                    ::std::vec![#(#functions()),*]
                }

                fn rows(&self) -> ::core::primitive::usize {
                    #rows
                }

                fn join(parts: &[&Self], device: &#sdk::device::Device) -> #sdk::Result<Self> {
                    ::core::result::Result::Ok(#ident { #(#joins),* })
                }

                fn slice(&self, rows: ::core::ops::Range<::core::primitive::usize>) -> #sdk::Result<Self> {
                    ::core::result::Result::Ok(#ident { #(#slices),* })
                }

                fn from_tensors(tensors: &mut #sdk::input::TensorReader<'_>) -> #sdk::Result<Self> {
                    ::core::result::Result::Ok(#ident { #(#reads),* })
                }

                fn into_tensors(self) -> #sdk::Result<::std::vec::Vec<#sdk::protocol::InferOutput>> {
                    ::core::result::Result::Ok(::std::vec![#(#writes),*])
                }
            }
        };
    }
}

/// A function that makes the declaration of one tensor.
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

/// `Input`, `Output`, or both.
fn faces(input: &DeriveInput, face: Face, options: &Options) -> TokenStream {
    let (sdk, ident, (generics, arguments, conditions)) = (&options.sdk, &input.ident, input.generics.split_for_impl());
    let request = quote!(#sdk::input::modality::Request);
    let signature = quote! {
        fn tensors() -> ::std::vec::Vec<#sdk::model::TensorSpec> {
            <Self as #sdk::input::TensorStruct>::signature()
        }
    };
    let as_input = (face == Face::Input).then(|| {
        quote! {
            #[automatically_derived]
            impl #generics #sdk::input::Input for #ident #arguments #conditions {
                type Modality = #request;

                const INLINE: ::core::primitive::bool = true;

                fn decode(
                    part: #sdk::protocol::InferRequest,
                    cx: &#sdk::input::DecodeContext<'_>,
                ) -> #sdk::Result<Self> {
                    #sdk::input::decode_tensors(part, cx)
                }

                #signature

                fn cost(&self) -> #sdk::model::BatchCost {
                    #sdk::model::BatchCost::new(<Self as #sdk::input::TensorStruct>::rows(self))
                }
            }
        }
    });
    let as_output = (face == Face::Output || options.output).then(|| {
        quote! {
            #[automatically_derived]
            impl #generics #sdk::output::Output<#request> for #ident #arguments #conditions {
                #signature

                fn encode(
                    self,
                    _: &#sdk::output::EncodeContext<'_>,
                ) -> #sdk::Result<::std::vec::Vec<#sdk::protocol::InferOutput>> {
                    <Self as #sdk::input::TensorStruct>::into_tensors(self)
                }
            }
        }
    });
    quote!(#as_input #as_output)
}

/// Stands beside errors, so that nothing else is reported than they.
fn stub(input: &DeriveInput, sdk: &TokenStream) -> TokenStream {
    let (ident, (generics, arguments, conditions)) = (&input.ident, input.generics.split_for_impl());
    quote! {
        impl #generics #sdk::input::TensorStruct for #ident #arguments #conditions {
            fn signature() -> ::std::vec::Vec<#sdk::model::TensorSpec> {
                ::std::vec::Vec::new()
            }

            fn rows(&self) -> ::core::primitive::usize {
                0
            }

            fn join(_: &[&Self], _: &#sdk::device::Device) -> #sdk::Result<Self> {
                loop {}
            }

            fn slice(&self, _: ::core::ops::Range<::core::primitive::usize>) -> #sdk::Result<Self> {
                loop {}
            }

            fn from_tensors(_: &mut #sdk::input::TensorReader<'_>) -> #sdk::Result<Self> {
                loop {}
            }

            fn into_tensors(self) -> #sdk::Result<::std::vec::Vec<#sdk::protocol::InferOutput>> {
                loop {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(input: &str) -> Vec<String> {
        let expanded = derive(&syn::parse_str(input).unwrap(), Face::Input).to_string();
        let faults = expanded.split("compile_error ! { \"").skip(1);
        faults.map(|rest| rest.split("\" }").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_shape_says_what_is_fixed_what_varies_and_what_the_rows_are() {
        let shape = |shape: &str| faults(&format!("struct A {{ #[tensor(shape = {shape})] a: Vec<f32> }}"));
        for right in ["[n, 4]", "[n]", "[]", "[_, _, 3]", "[2, {WIDTH}, (WIDTH + 1), consts::HEIGHT]", "[n, 4,]"] {
            assert_eq!(shape(right), [""; 0], "{right}");
        }
        for wrong in ["[N, 4]", "[4, n]", "[0]", "4", "[n, \"x\"]", "[n 4]", "[-1]", "[1.5]"] {
            assert_eq!(shape(wrong).len(), 1, "{wrong}: {:?}", shape(wrong));
        }
        assert_eq!(shape("[n, -1]"), ["a dimension that varies is written `_`"]);
    }

    #[test]
    fn fields_are_checked_together() {
        let two = "struct A { #[tensor(shape = [n])] a: Vec<f32>, #[tensor(shape = [m], name = \"a\")] b: Vec<f32> }";
        assert_eq!(
            faults(two),
            ["two tensors are named `a`", "the rows are `n` above: all tensors of a struct share their rows"]
        );
        assert!(faults("struct A { a: Vec<f32> }")[0].starts_with("say its shape"));
        assert_eq!(faults("struct A;").len(), 1);
    }

    #[test]
    fn an_input_is_an_output_too_where_it_says_so() {
        let input = "#[tensors(output, crate = other::sdk)] struct A { #[tensor(shape = [n])] a: Vec<f32> }";
        let expanded = derive(&syn::parse_str(input).unwrap(), Face::Input).to_string();
        for part in ["TensorStruct for A", "input :: Input for A", "output :: Output < other :: sdk"] {
            assert_eq!(expanded.matches(part).count(), 1, "{part}: {expanded}");
        }
    }
}
