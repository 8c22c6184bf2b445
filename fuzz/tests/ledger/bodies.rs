//! The parts of bodies.

/// Returns a list of copies of an element.
pub(crate) fn list(element: &str, count: usize) -> String {
    let mut list = String::with_capacity((element.len() + 1) * count + 2);
    list.push('[');
    for index in 0..count {
        if index > 0 {
            list.push(',');
        }
        list.push_str(element);
    }
    list.push(']');
    list
}

/// Returns a request of one tensor.
pub(crate) fn tensor(datatype: &str, shape: &[usize], data: &str) -> String {
    format!("{{\"inputs\":[{{\"name\":\"x\",\"datatype\":\"{datatype}\",\"shape\":{shape:?},\"data\":{data}}}]}}")
}

/// Returns a request of one tensor in binary form, and the header that it needs.
pub(crate) fn binary(datatype: &str, shape: &[usize], bytes: &[u8]) -> (String, Vec<u8>) {
    let json = format!(
        "{{\"inputs\":[{{\"name\":\"x\",\"datatype\":\"{datatype}\",\"shape\":{shape:?},\
         \"parameters\":{{\"binary_data_size\":{}}}}}]}}",
        bytes.len()
    );
    (format!("inference-header-content-length: {}\r\n", json.len()), [json.as_bytes(), bytes].concat())
}

/// Returns a request of one input of items with parameters.
pub(crate) fn items(data: &str, parameters: &str) -> String {
    format!("{{\"inputs\":[{{\"name\":\"x\",\"data\":{data},\"parameters\":{parameters}}}]}}")
}
