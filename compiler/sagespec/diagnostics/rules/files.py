"""Rules of files, and of YAML and JSON syntax."""

from __future__ import annotations

from sagespec.diagnostics.rules.rule import Rule

RULES = (
    Rule(
        "unreadable",
        "error",
        "Unreadable file",
        "The file cannot be read, or is larger than the limit for specs, project files and policies.",
        "Check the path and its permissions. Split a file that is too large.",
        "sagespec.yaml",
        bad="specs: [specs/missing.yaml]",
        good="specs: [specs]",
    ),
    Rule(
        "encoding",
        "error",
        "Text that is not UTF-8",
        "Specs, project files and policies are UTF-8, and so are the names of spec files.",
        "Save the file as UTF-8, or rename it.",
        "CustomAgentLambda",
        bad="metadata: {name: agent, description: café}  # saved as Latin-1",
        good="metadata: {name: agent, description: café}  # saved as UTF-8",
    ),
    Rule(
        "empty-file",
        "error",
        "Empty file",
        "The file has no document in it: it is empty, or holds comments only.",
        "Write a spec into it, or delete the file.",
        "spec",
        bad="# to be written",
        good="""
            apiVersion: sagespec/v1
            kind: Torchrun
            metadata: {name: four}
            spec: {process_count_per_node: 4}
            """,
    ),
    Rule(
        "empty-folder",
        "error",
        "Folder without specs",
        "The folder that was named on the command line has no spec in it.",
        "Name a folder that has specs. Folders that begin with a dot, and environments of tools, are not searched.",
        "the command line",
        bad="sagespec compile docs",
        good="sagespec compile specs",
    ),
    Rule(
        "no-spec",
        "error or warning",
        "File that is not a spec",
        """The file has a `kind`, and does not say that it is a spec. It is left out if it lies in a folder of code or
        is excluded by the project, and refused if it lies outside the project.""",
        "Nothing, if it is data. Else begin the document with `apiVersion: sagespec/v1`.",
        "a file in a folder of code",
        bad="""
            kind: Torchrun
            metadata: {name: more}
            spec: {process_count_per_node: 4}
            """,
        good="""
            apiVersion: sagespec/v1
            kind: Torchrun
            metadata: {name: more}
            spec: {process_count_per_node: 4}
            """,
    ),
    Rule(
        "too-many-files",
        "error",
        "Too many files to search",
        "The folder holds more files and folders than specs are looked for in.",
        "Let `specs` name the folders that hold specs, rather than one far above them.",
        "sagespec.yaml",
        bad="specs: [..]",
        good="specs: [specs]",
    ),
    Rule(
        "outside-project",
        "error",
        "Path out of the project",
        """A path or link leads to a file outside the folder of the project. Such a file is not the same for
        everybody, and a spec from a pull request could send any file of the machine that compiles it.""",
        "Move the file into the project, or allow the path in `allow_outside` of sagespec.yaml.",
        "ModelTrainer",
        bad="source_code: {source_dir: ../../code, entry_script: train.py}",
        good="source_code: {source_dir: code, entry_script: train.py}",
    ),
    Rule(
        "absolute-path",
        "error",
        "Absolute path",
        "The path of a file begins with a slash or with ~, so that it means something else on another machine.",
        "Write a path relative to the spec.",
        "ModelTrainer",
        bad="source_code: {source_dir: /home/me/code, entry_script: train.py}",
        good="source_code: {source_dir: code, entry_script: train.py}",
    ),
    Rule(
        "syntax",
        "error",
        "Syntax error",
        "The text is not YAML 1.2, or not JSON where the name of the file ends in .json.",
        "Correct the text at the marked position: brackets, quotes and indentation are the usual causes.",
        "CustomAgentLambda",
        bad="environment: {LOG_LEVEL: info",
        good="environment: {LOG_LEVEL: info}",
    ),
    Rule(
        "duplicate-key",
        "error",
        "Duplicate key",
        "A mapping has the same key twice. Readers of YAML and JSON differ in which of them counts.",
        "Delete one of them.",
        "CustomAgentLambda",
        bad="""
            timeout: 300
            timeout: 200
            """,
        good="timeout: 300",
    ),
    Rule(
        "non-text-key",
        "error",
        "Key that is not text",
        "A key is a number, a boolean, null, a list or a mapping. The keys of what is sent are text.",
        "Put the key into quotes.",
        "ModelTrainer",
        bad="hyperparameters: {1: a}",
        good='hyperparameters: {"1": a}',
    ),
    Rule(
        "merge-key",
        "error",
        "Merge key",
        "The key `<<` merges mappings in YAML 1.1. It is not part of YAML 1.2, and is not supported.",
        "Write the keys out, or use `defaults` in sagespec.yaml.",
        "ModelTrainer",
        bad="hyperparameters: {<<: {lr: 0.1}}",
        good="hyperparameters: {lr: 0.1}",
    ),
    Rule(
        "unknown-tag",
        "error",
        "Unsupported tag",
        "The tag is not one of the core schema of YAML: !!str, !!int, !!float, !!bool, !!null, !!seq and !!map.",
        "Delete the tag and write the value out.",
        "CustomAgentLambda",
        bad="source: !include agent.py",
        good="source: agent.py",
    ),
    Rule(
        "unknown-alias",
        "error",
        "Alias without an anchor",
        "An alias such as *name stands for the value with the anchor &name, and there is none before it.",
        "Put the anchor first, or write text that begins with an asterisk into quotes.",
        "ModelTrainer",
        bad="hyperparameters: {pattern: *suffix}",
        good='hyperparameters: {pattern: "*suffix"}',
    ),
    Rule(
        "cyclic-alias",
        "error",
        "Alias within its own anchor",
        "The value with an anchor contains an alias of itself, so it would never end.",
        "Write the inner value out.",
        "ModelTrainer",
        bad="hyperparameters: &all {inner: *all}",
        good="hyperparameters: {inner: {}}",
    ),
    Rule(
        "bad-scalar",
        "error",
        "Value that has no JSON form",
        "A number is NaN, infinite or too large for JSON, or a value does not fit the tag in front of it.",
        "Put it into quotes if it is text. Else write a number that JSON has.",
        "ModelTrainer",
        bad="hyperparameters: {limit: .inf}",
        good='hyperparameters: {limit: ".inf"}',
    ),
    Rule(
        "too-deep",
        "error",
        "Document nested too deeply",
        "Mappings and lists are nested more than 100 levels deep, aliases and filled-in values counted.",
        "Flatten the document. If it is generated, look for a loop in the generator.",
        "ModelTrainer",
        bad="hyperparameters: {tree: ...}  # where ... is a list of lists, 101 deep",
        good="hyperparameters: {tree: []}",
    ),
    Rule(
        "too-large",
        "error",
        "Document too large",
        """The document has more than 200,000 values, or more than 1,000,000 characters are filled in. Aliases and
        values count as often as they are used.""",
        "Split the document. Bring data as a file in S3, not within a spec.",
        "a spec file",
        bad="hyperparameters: {rows: [[*row, *row, ...], ...]}  # 200,001 values in all",
        good="input_data_config: [{channel_name: rows, data_source: s3://my-bucket/rows}]",
    ),
    Rule(
        "missing-file",
        "error",
        "File not found",
        "A file or folder that the spec names is not there, or is left out of what is uploaded.",
        "Correct the path, which is relative to the spec, or the `ignore_patterns`.",
        "ModelTrainer",
        bad="source_code: {source_dir: code, entry_script: trian.py}",
        good="source_code: {source_dir: code, entry_script: train.py}",
    ),
    Rule(
        "bad-file",
        "error",
        "File that cannot be uploaded",
        """Something in a folder of code is a broken link, not a regular file, unreadable or too large for one request
        to S3; or there are too many files.""",
        "Repair or remove it, or leave it out with `ignore_patterns`.",
        "ModelTrainer",
        bad="source_code: {source_dir: code, entry_script: train.py}  # code/broken-link leads nowhere",
        good="source_code: {source_dir: code, entry_script: train.py, ignore_patterns: [broken-link]}",
    ),
    Rule(
        "bad-name",
        "error",
        "File name that S3 cannot have",
        "The name of a file to upload is not UTF-8, or is too long for a key of S3.",
        "Rename the file, or leave it out with `ignore_patterns`.",
        "ModelTrainer",
        bad="source_code: {source_dir: code, entry_script: train.py}  # code/caf\\xE9 is in Latin-1",
        good="source_code: {source_dir: code, entry_script: train.py, ignore_patterns: ['caf*']}",
    ),
    Rule(
        "secret-upload",
        "warning",
        "Upload that may hold secrets",
        "The folder of code has files that look like private keys or environment files, and they would be uploaded.",
        "Leave them out with `ignore_patterns`, or keep them elsewhere.",
        "ModelTrainer",
        bad="source_code: {source_dir: code, entry_script: train.py}  # code/id_rsa is there",
        good="source_code: {source_dir: code, entry_script: train.py, ignore_patterns: [id_rsa]}",
    ),
    Rule(
        "large-upload",
        "warning",
        "Large upload",
        "The folder of code is unusually large. It is uploaded as it is, and every change uploads it again.",
        "Leave data, checkpoints and caches out with `ignore_patterns`, and bring data as an input channel.",
        "ModelTrainer",
        bad="source_code: {source_dir: code, entry_script: train.py}  # code/data has 100 MB",
        good="source_code: {source_dir: code, entry_script: train.py, ignore_patterns: [data/]}",
    ),
)
