//! Checks of the tensors that a file holds, and of the files beside it that hold tensors, before a backend reads either.
//! `file` calls them.

#[cfg(feature = "onnx")]
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

#[cfg(feature = "onnx")]
use bytes::Bytes;

use super::{
    ports,
    schema::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto},
};
use crate::{
    error::{Context, Error, Expected, Result, quoted},
    files,
};

/// The numbers of `data_location`: for tensors in the file, and for those in other files.
const INLINE: i32 = 0;
const EXTERNAL: i32 = 1;

/// Checks all tensors of a file in this folder: their shapes fit in memory, and their data is as long as their shape
/// needs. Other files with data must be regular ones within the folder.
///
/// # Errors
/// Returns an error that names the first tensor with a fault.
pub(super) fn check(model: &ModelProto, folder: &Path) -> Result<()> {
    let checked =
        |tensor: &TensorProto| check_tensor(tensor, folder).context(format_args!("tensor {}", quoted(&tensor.name)));
    let graphs = model.graph.iter().try_for_each(|graph| in_graph(graph, &checked));
    let in_function = |function: &FunctionProto| {
        function.attribute_proto.iter().try_for_each(|attribute| in_attribute(attribute, &checked))?;
        in_nodes(&function.node, &checked)
    };
    graphs.and_then(|()| model.functions.iter().try_for_each(in_function))
}

fn in_graph(graph: &GraphProto, check: &dyn Fn(&TensorProto) -> Result<()>) -> Result<()> {
    graph.initializer.iter().try_for_each(check)?;
    graph.sparse_initializer.iter().try_for_each(|sparse| in_sparse(sparse, check))?;
    in_nodes(&graph.node, check)
}

fn in_nodes(nodes: &[NodeProto], check: &dyn Fn(&TensorProto) -> Result<()>) -> Result<()> {
    nodes.iter().flat_map(|node| &node.attribute).try_for_each(|attribute| in_attribute(attribute, check))
}

/// Goes into subgraphs. Their depth is limited: the decoder of protobuf accepts a hundred nested messages.
fn in_attribute(attribute: &AttributeProto, check: &dyn Fn(&TensorProto) -> Result<()>) -> Result<()> {
    attribute.t.iter().chain(&attribute.tensors).try_for_each(check)?;
    let mut sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
    sparse.try_for_each(|sparse| in_sparse(sparse, check))?;
    attribute.g.iter().chain(&attribute.graphs).try_for_each(|graph| in_graph(graph, check))
}

fn in_sparse(sparse: &SparseTensorProto, check: &dyn Fn(&TensorProto) -> Result<()>) -> Result<()> {
    sparse.values.iter().chain(&sparse.indices).try_for_each(check)
}

fn check_tensor(tensor: &TensorProto, folder: &Path) -> Result<()> {
    let size = ports::datatype(tensor.data_type).and_then(|datatype| datatype.size());
    // A type whose elements have no size of whole bytes counts as if they had one.
    let mut lengths = tensor.dims.iter().map(|length| u64::try_from(*length).ok());
    let elements = lengths.try_fold(1, |product: u64, length| product.checked_mul(length?));
    let bytes = elements.and_then(|elements| elements.checked_mul(size.unwrap_or(1) as u64));
    let Some(bytes) = bytes.filter(|bytes| isize::try_from(*bytes).is_ok()) else {
        return Err(expected("a shape that fits in memory", format!("{:?}", tensor.dims)));
    };
    let needed = size.map(|_| bytes);
    // A reader of protobuf that skips a number that it does not know would keep an earlier one.
    if !matches!(tensor.data_location, INLINE | EXTERNAL) {
        return Err(expected(format!("a data location of {INLINE} or {EXTERNAL}"), tensor.data_location));
    }
    if tensor.data_location == EXTERNAL {
        return check_external(tensor, folder, needed).context("external data");
    }
    match needed {
        Some(needed) if !tensor.raw_data.is_empty() && tensor.raw_data.len() as u64 != needed => {
            let what = format!("{needed} bytes of data for the shape {:?}", tensor.dims);
            Err(expected(what, tensor.raw_data.len()))
        }
        _ => Ok(()),
    }
}

/// Returns the data of a tensor that has been checked: what stands in the file as it is in memory, or in another file of
/// this folder. Returns `None` for data in a form of its own, which only small tensors have.
///
/// # Errors
/// Returns the error of reading the other file.
#[cfg(feature = "onnx")]
pub(super) fn data(tensor: &TensorProto, folder: &Path) -> Result<Option<Bytes>> {
    if tensor.data_location != EXTERNAL {
        return Ok((!tensor.raw_data.is_empty()).then(|| tensor.raw_data.clone()));
    }
    let location = entry(tensor, "location").unwrap_or_default();
    let mut file = files::open(&folder.join(location))?;
    file.seek(SeekFrom::Start(number(tensor, "offset")?.unwrap_or(0)))?;
    let mut data = Vec::new();
    file.take(number(tensor, "length")?.unwrap_or(u64::MAX)).read_to_end(&mut data)?;
    Ok(Some(Bytes::from(data)))
}

/// Returns the value of an entry about the file with the data of a tensor.
fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

fn number(tensor: &TensorProto, key: &str) -> Result<Option<u64>> {
    let parse = |text: &str| text.parse().map_err(|_| expected(format!("a number as {key}"), quoted(text)));
    entry(tensor, key).map(parse).transpose()
}

fn check_external(tensor: &TensorProto, folder: &Path, needed: Option<u64>) -> Result<()> {
    // Of two entries of a name, one backend reads the first, and another the last.
    for (index, entry) in tensor.external_data.iter().enumerate() {
        if tensor.external_data[..index].iter().any(|earlier| earlier.key == entry.key) {
            return Err(expected("each entry once", format!("{} twice", quoted(&entry.key))));
        }
    }
    let Some(location) = entry(tensor, "location") else {
        return Err(expected("a file name", "none"));
    };
    let outside = || expected("a file in the folder of the model", quoted(location));
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    // To ONNX Runtime, such a name is an address in memory.
    let is_address = location.contains("_ORT_MEM_ADDR_");
    if location.is_empty() || is_address || !Path::new(location).components().all(is_plain) {
        return Err(outside());
    }
    let path = folder.join(location);
    let unreadable = |error: std::io::Error| Error::from(error).context(quoted(location));
    if let Some(kind) = files::odd_kind(&path).map_err(unreadable)? {
        return Err(Error::from(files::not_regular(kind)).context(quoted(location)));
    }
    // Links may lead to other files of the folder, as those of mounted volumes do.
    let (folder, path) = (folder.canonicalize()?, path.canonicalize().map_err(unreadable)?);
    if !path.starts_with(folder) {
        return Err(outside());
    }
    let length = path.metadata().map_err(unreadable)?.len();
    let (offset, given) = (number(tensor, "offset")?.unwrap_or(0), number(tensor, "length")?);
    let rest = length.checked_sub(offset);
    let fits = rest.is_some_and(|rest| given.or(needed).unwrap_or(0) <= rest);
    let matches = needed.is_none_or(|needed| given.or(rest) == Some(needed));
    match (fits && matches, needed) {
        (true, _) => Ok(()),
        (false, Some(needed)) => Err(expected(
            format!("{needed} bytes at {offset} in {}", quoted(location)),
            match given {
                Some(given) if fits => format!("{given}"),
                _ => format!("a file of {length}"),
            },
        )),
        (false, None) => Err(expected(format!("a file that holds the data in {}", quoted(location)), length)),
    }
}

fn expected(what: impl std::fmt::Display, got: impl std::fmt::Display) -> Error {
    Error::from(Expected::new(what, got).to_string())
}
