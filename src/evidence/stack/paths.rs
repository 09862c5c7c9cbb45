//! What the path of a Python file says: whose code it is, and which module.

/// Folders into which packages are installed; what comes after them is a module's path.
const INSTALLED: [&str; 2] = ["site-packages", "dist-packages"];
/// Folders that images commonly run a service from.
const ROOTS: [&str; 9] =
    ["/usr/src/app/", "/srv/app/", "/opt/app/", "/workspace/", "/var/task/", "/function/", "/code/", "/src/", "/app/"];

/// Whether the file is the service's own, as opposed to an installed package, the standard library or generated code.
pub(super) fn python_in_app(file: &str) -> bool {
    if let Some(name) = file.strip_prefix('<') {
        // What was given on the command line or typed is the user's own; `<frozen …>` and generated code are not.
        return name == "string>" || name == "stdin>";
    }
    let parts: Vec<&str> = split(file).collect();
    !parts.iter().any(|part| INSTALLED.contains(part) || *part == "importlib") && standard_library(&parts).is_none()
}

/// The dotted module, where the path tells it.
pub(super) fn python_module(file: &str, in_app: bool) -> Option<String> {
    if file.starts_with('<') {
        return file.strip_prefix("<frozen ")?.strip_suffix('>').map(str::to_owned);
    }
    let parts: Vec<&str> = split(file).collect();
    let installed = parts.iter().rposition(|part| INSTALLED.contains(part)).map(|at| at + 1);
    if let Some(start) = installed.or_else(|| standard_library(&parts)) {
        return dotted(parts.get(start..)?);
    }
    let root = ROOTS.iter().find_map(|root| file.strip_prefix(root));
    match root {
        Some(rest) if in_app => dotted(&split(rest).collect::<Vec<_>>()),
        _ if !file.starts_with('/') && !file.contains(':') => {
            dotted(&parts.iter().copied().filter(|part| *part != ".").collect::<Vec<_>>())
        }
        _ => None,
    }
}

fn split(file: &str) -> impl Iterator<Item = &str> {
    file.split(['/', '\\']).filter(|part| !part.is_empty())
}

/// Index of the part after `lib/python3.12`, or after `Lib` of a Windows installation.
fn standard_library(parts: &[&str]) -> Option<usize> {
    parts
        .windows(2)
        .position(|pair| {
            let versioned = |name: &str| {
                name.strip_prefix("python")
                    .or_else(|| name.strip_prefix("pypy"))
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            (pair[0] == "lib" || pair[0] == "lib64") && versioned(pair[1])
                || pair[0].to_ascii_lowercase().starts_with("python") && pair[1] == "Lib"
        })
        .map(|at| at + 2)
}

fn dotted(parts: &[&str]) -> Option<String> {
    let (last, folders) = parts.split_last()?;
    let name = last.strip_suffix(".py").or_else(|| last.strip_suffix(".pyx"))?;
    let identifier = |part: &&str| {
        !part.is_empty()
            && !part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c == '_' || c.is_alphanumeric())
    };
    let names: Vec<&str> = folders.iter().copied().chain((name != "__init__").then_some(name)).collect();
    (!names.is_empty() && names.iter().all(identifier)).then(|| names.join("."))
}
