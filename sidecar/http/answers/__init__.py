"""How an answer is made and sent: kept bytes, templates, times, cells, long answers. Not what it says."""
