//! The declaration of tensors that a file implies, and the check of a call's inputs against the file. `model` calls both.

use super::{
    input::OnnxInput,
    ports::{Length, Port},
};
use crate::{
    error::{Error, Expected, Result, listed, quoted},
    signature::{Dim, TensorSpec},
};

/// Sets the fixed lengths of an input.
///
/// # Errors
/// Returns an error that names the input if there is none with this name, or if the file has another shape for it.
pub(super) fn set_lengths(ports: &mut [Port], input: &str, wanted: &[Dim]) -> Result<()> {
    let port = find(ports, input)?;
    let shape = port.shape.get_or_insert_with(|| vec![Length::Unnamed; wanted.len()]);
    let fits = |(length, wanted): (&Length, &Dim)| match (length, wanted) {
        (Length::Fixed(length), Dim::Fixed(wanted)) => length == wanted,
        _ => true,
    };
    if shape.len() != wanted.len() || !shape.iter().zip(wanted).all(fits) {
        let given = wanted.iter().map(|dim| if let Dim::Fixed(n) = dim { Length::Fixed(*n) } else { Length::Unnamed });
        let given = show(&given.collect::<Vec<_>>());
        let text: String = Expected::new(format_args!("lengths that fit the shape {}", show(shape)), given).into();
        return Err(Error::from(text).context(format!("input {}", quoted(input))));
    }
    for (length, wanted) in shape.iter_mut().zip(wanted) {
        if let Dim::Fixed(wanted) = wanted {
            *length = Length::Fixed(*wanted);
        }
    }
    Ok(())
}

/// Sets the greatest lengths of an input.
///
/// # Errors
/// Returns an error that names the input if there is none with this name, or if no call could have the shape of the file.
pub(super) fn set_limits(ports: &mut [Port], input: &str, most: &[usize]) -> Result<()> {
    let port = find(ports, input)?;
    let shape = port.shape.get_or_insert_with(|| vec![Length::Unnamed; most.len()]);
    let fits = |(length, most): (&Length, &usize)| match length {
        Length::Fixed(length) => length <= most,
        _ => *most > 0,
    };
    if shape.len() != most.len() || !shape.iter().zip(most).all(fits) {
        let what = format_args!("greatest lengths for the shape {}", show(shape));
        let text: String = Expected::new(what, format_args!("{most:?}")).into();
        return Err(Error::from(text).context(format!("input {}", quoted(input))));
    }
    port.most = Some(most.to_vec());
    Ok(())
}

fn find<'a>(ports: &'a mut [Port], input: &str) -> Result<&'a mut Port> {
    match ports.iter().position(|port| port.name == input) {
        Some(at) => Ok(&mut ports[at]),
        None => {
            let names = listed(ports.iter().map(|port| quoted(&port.name)), ", ");
            let what = format!("the shape of one of the inputs {names}");
            Err(Error::from(Expected::new(what, quoted(input)).to_string()))
        }
    }
}

/// Returns the declaration of inputs and that of outputs. A declaration is empty if the file does not say how many
/// dimensions each of its tensors has.
pub(super) fn declarations(inputs: &[Port], outputs: &[Port]) -> [Vec<TensorSpec>; 2] {
    let batch = batch_length(inputs);
    [inputs, outputs].map(|ports| {
        let declared = ports.iter().map(|port| Some(declaration(port, port.shape.as_deref()?, batch)));
        declared.collect::<Option<_>>().unwrap_or_default()
    })
}

/// Returns the varying length with which every input begins, if they all begin with the same one.
pub(super) fn batch_length(inputs: &[Port]) -> Option<&Length> {
    let mut firsts = inputs.iter().map(|port| port.shape.as_deref()?.first());
    let first = firsts.next()??;
    let is_shared = !matches!(first, Length::Fixed(_)) && firsts.all(|other| other == Some(first));
    is_shared.then_some(first)
}

fn declaration(port: &Port, shape: &[Length], batch: Option<&Length>) -> TensorSpec {
    let dims = shape.iter().enumerate().map(|(axis, length)| match length {
        Length::Fixed(length) => Dim::Fixed(*length),
        varying if axis == 0 && Some(varying) == batch => Dim::Batch("batch"),
        _ => Dim::Any,
    });
    TensorSpec::new(port.name.clone(), port.datatype, &dims.collect::<Vec<_>>(), "")
}

/// Returns the inputs of a call in the order of the file.
///
/// # Errors
/// Returns an error that names the first input that is unknown, given twice, missing, or of another data type or shape.
pub(super) fn in_order<'a, 'b>(ports: &[Port], inputs: &'a [(&str, OnnxInput<'b>)]) -> Result<Vec<&'a OnnxInput<'b>>> {
    for (index, (name, _)) in inputs.iter().enumerate() {
        if !ports.iter().any(|port| port.name == *name) {
            let names = listed(ports.iter().map(|port| quoted(&port.name)), ", ");
            return Err(fault(name, format!("unknown input; available inputs: {names}")));
        }
        if inputs[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(fault(name, "duplicate input"));
        }
    }
    let mut lengths = Vec::new();
    let mut ordered = Vec::with_capacity(ports.len());
    for port in ports {
        let found = inputs.iter().find(|(name, _)| *name == port.name);
        let (_, input) = found.ok_or_else(|| fault(&port.name, format!("missing; expected {}", describe(port))))?;
        check(port, input, &mut lengths).map_err(|text| fault(&port.name, text))?;
        ordered.push(input);
    }
    Ok(ordered)
}

fn fault(input: &str, text: impl Into<String>) -> Error {
    Error::from(text.into()).at(format!("input {}", quoted(input)))
}

/// Checks an input. `lengths` holds the lengths of the named dimensions so far, with the input that has them.
fn check<'a>(
    port: &'a Port,
    input: &OnnxInput<'_>,
    lengths: &mut Vec<(&'a str, usize, &'a str)>,
) -> Result<(), String> {
    if input.datatype() != port.datatype {
        return Err(Expected::new(format_args!("datatype {}", port.datatype), input.datatype()).into());
    }
    let elements = input.shape().iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
    if elements != Some(input.len()) {
        let what = format!("as many elements as fit the shape {:?}", input.shape());
        return Err(Expected::new(what, input.len()).into());
    }
    let Some(shape) = &port.shape else { return Ok(()) };
    let fits = |(length, given): (&Length, &usize)| !matches!(length, Length::Fixed(fixed) if fixed != given);
    if shape.len() != input.shape().len() || !shape.iter().zip(input.shape()).all(fits) {
        let got = format_args!("{:?}", input.shape());
        return Err(Expected::new(format_args!("shape {}", show(shape)), got).into());
    }
    for (axis, (most, given)) in port.most.iter().flatten().zip(input.shape()).enumerate() {
        if given > most {
            let what = format_args!("at most {most} in dimension {axis} of shape {}", show(shape));
            return Err(Expected::new(what, given).into());
        }
    }
    for (length, given) in shape.iter().zip(input.shape()) {
        let Length::Named(name) = length else { continue };
        match lengths.iter().find(|(known, ..)| known == name) {
            Some((_, known, other)) if known != given => {
                let what = format!("{known} as the length '{name}' of shape {}, as in input '{other}'", show(shape));
                return Err(Expected::new(what, given).into());
            }
            Some(_) => {}
            None => lengths.push((name, *given, &port.name)),
        }
    }
    Ok(())
}

fn describe(port: &Port) -> String {
    match &port.shape {
        Some(shape) => format!("{} of shape {}", port.datatype, show(shape)),
        None => format!("{} of any shape", port.datatype),
    }
}

fn show(shape: &[Length]) -> String {
    let lengths = shape.iter().map(|length| match length {
        Length::Fixed(length) => length.to_string(),
        Length::Named(name) => name.clone(),
        Length::Unnamed => "any".to_owned(),
    });
    format!("[{}]", lengths.collect::<Vec<_>>().join(", "))
}
