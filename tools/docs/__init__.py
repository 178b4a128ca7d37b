"""Builds the documentation site, and the pictures of the pages."""
