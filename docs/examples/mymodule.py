"""The objective of a search on workers, which import it by its name, mymodule:loss."""


def loss(point):
    """Return what is minimised at a point of the search space."""
    return (point["x"] - 3) ** 2
