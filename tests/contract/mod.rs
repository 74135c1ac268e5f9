//! The backend's contract as a test reads it: the document itself, with a
//! validator of JSON Schema for each of its schemas.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

/// `docs/backend-api.yaml`, read.
pub struct Contract {
    /// The whole document.
    pub document: Value,
}

impl Contract {
    /// Reads the document.
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/backend-api.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let document = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        Self { document }
    }

    /// What a JSON pointer of the document leads to.
    pub fn at(&self, pointer: &str) -> &Value {
        self.document.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
    }

    /// The names of all schemas.
    pub fn schemas(&self) -> Vec<String> {
        self.at("/components/schemas").as_object().unwrap().keys().cloned().collect()
    }

    /// A validator of one schema of the components.
    pub fn validator(&self, schema: &str) -> Validator {
        self.validator_of(&json!({ "$ref": format!("#/components/schemas/{schema}") }))
    }

    /// A validator of a schema that stands anywhere in the document.
    pub fn validator_of(&self, schema: &Value) -> Validator {
        let mut root = schema.clone();
        root["components"] = self.document["components"].clone();
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&root)
            .unwrap_or_else(|e| panic!("{schema}: {e}"))
    }

    /// What is wrong with a message by a schema; empty when nothing is.
    pub fn faults(&self, schema: &str, message: &Value) -> Vec<String> {
        faults(&self.validator(schema), message)
    }
}

/// What a validator finds, each with its place.
pub fn faults(validator: &Validator, message: &Value) -> Vec<String> {
    validator.iter_errors(message).map(|e| format!("{}: {e}", e.instance_path())).collect()
}
