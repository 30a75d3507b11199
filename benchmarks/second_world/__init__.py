"""A world that routing's author has not seen: other sizes, offices, clusters, leak rates than ROUTING.md's; its own judge."""
