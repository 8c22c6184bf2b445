//! The engine with the unpacked archive of its model, with and without a top folder.

use std::{io::Cursor, path::Path};

use e2e::Process;
use serde_json::json;
use zip::ZipArchive;

#[test]
fn the_unpacked_archive_is_served_with_and_without_a_top_folder() {
    let model = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/model"));
    // A flower of each species from the data set.
    let flowers = [5.1, 3.5, 1.4, 0.2, 7.0, 3.2, 4.7, 1.4, 6.3, 3.3, 6.0, 2.5];
    let body = json!({"inputs": [{"name": "features", "datatype": "FP32", "shape": [3, 4], "data": flowers}]});
    for top_folder in [None, Some("iris-1.0")] {
        let directory = tempfile::tempdir().unwrap();
        let mut archive = Cursor::new(Vec::new());
        model_archive::write(model, top_folder, &mut archive).unwrap();
        ZipArchive::new(archive).unwrap().extract(directory.path()).unwrap();
        let env = [("CHARIOT_ENGINE_MODEL_DIR", directory.path().to_str().unwrap())];
        let answer = Process::ready(env!("CARGO_BIN_EXE_iris"), &env).infer(&body).ok();
        assert_eq!(answer["outputs"][0]["data"], json!(["setosa", "versicolor", "virginica"]), "{top_folder:?}");
    }
}
