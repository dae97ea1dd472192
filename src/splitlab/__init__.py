"""SplitLab: how many images get masks, how many only boxes?"""

__version__ = "0.1.0"
