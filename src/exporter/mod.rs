//! Where bundles go: an object store or a folder, and a webhook that tells of each.
