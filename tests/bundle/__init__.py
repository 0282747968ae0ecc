"""The bundle, one test file a module."""
