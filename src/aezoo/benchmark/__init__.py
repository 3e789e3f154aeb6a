"""The benchmark: tasks that are pinned to the byte, scores of each image that anyone can make, a table of them."""
