"""The documentation: pages in Markdown, and in `docs.site` what builds and checks them."""
