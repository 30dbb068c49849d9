"""What was drawn, read back from matplotlib's artists."""


def band_limits(band):
    """The lower and the upper edge of a band, in ascending order of the input."""
    vertices = band.get_paths()[0].vertices
    n_points = (len(vertices) - 3) // 2
    return vertices[1 : n_points + 1, 1], vertices[n_points + 2 : -1, 1][::-1]


def labels(ax):
    """The entries of a legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def color_of(artist):
    """The color of the inside of a collection, without its opacity."""
    return tuple(artist.get_facecolor()[0, :3])
