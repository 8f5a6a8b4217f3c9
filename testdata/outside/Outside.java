/** Objects in the Java heap, and how large it says that it is. */
public class Outside {
	static java.util.ArrayList<byte[]> kept = new java.util.ArrayList<>();

	public static void main(String[] args) throws Exception {
		for (int i = 0; i < 20000; i++)
			kept.add(("record " + i + " of a Java program").getBytes());
		System.out.println("committed " + Runtime.getRuntime().totalMemory());
		System.out.println("max " + Runtime.getRuntime().maxMemory());
		System.out.println("end");
		System.out.flush();
		Thread.sleep(1000000);
	}
}
