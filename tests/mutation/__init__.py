"""Faults drawn by a seed and put into a copy of the program: how many of them do the tests of the same folder find?"""
