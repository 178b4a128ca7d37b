"""Programs around refresh: benchmark, demo, image, pages and publishing; users of the action never run them."""
